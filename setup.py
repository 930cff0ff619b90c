"""Lets tools that know no pyproject.toml install the project; everything stands there."""

from setuptools import setup

setup()
