"""The only package that imports Salt: jobs, runner and execution modules' edges, pillar, setup."""
