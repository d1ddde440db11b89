"""Answers predictions over HTTP, with the model that train.py saved."""

import sys

from model import TEMPLATE

from models.kit import serving

if __name__ == "__main__":
    sys.exit(serving.serve(TEMPLATE, __file__))
