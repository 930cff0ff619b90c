"""The only package that imports Salt: jobs, pillar, setup, and the edges of Salt's functions."""
