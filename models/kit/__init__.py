"""What all templates share: one module is one noun, from reading a table to writing the report.

A starter project takes this folder along, byte for byte, so nothing here imports the advisor, the taxonomy or the
catalog.

>>> from models.kit import splits
>>> splits.shuffled(10, test_share=0.2, seed=1).words
'8 rows for training and 2 for the test, drawn at random (seed 1)'
"""
