"""Trains the model and compares it with its dummy and its peer, on the same test."""

import sys

from model import TEMPLATE

from models.kit import programs

if __name__ == "__main__":
    sys.exit(programs.train(TEMPLATE, __file__))
