"""Checks the project: packages, settings, data, leaks, saved files; says what to do."""

import sys

from model import TEMPLATE

from models.kit import doctor

if __name__ == "__main__":
    sys.exit(doctor.check(TEMPLATE, __file__))
