"""Makes detectors: labels, crops, training, export, evaluation.

Needs the ``train`` extra.
"""
