"""Predicts for each row of a new table, with the model that train.py saved."""

import sys

from model import TEMPLATE

from models.kit import programs

if __name__ == "__main__":
    sys.exit(programs.predict(TEMPLATE, __file__))
