"""Measures the saved model again, on the same test."""

import sys

from model import TEMPLATE

from models.kit import programs

if __name__ == "__main__":
    sys.exit(programs.evaluate(TEMPLATE, __file__))
