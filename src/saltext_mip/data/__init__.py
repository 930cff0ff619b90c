"""What hospitals have, and what is made of it: files, inventories, CDEs, plans, databases."""
