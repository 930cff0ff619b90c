"""CDEs: the variables of one pathology, read, checked and edited; the data catalogue."""
