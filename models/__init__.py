"""Templates: programs that train a baseline on a table, compare it honestly, and are copied into starters as they are.

Context. Somebody who has framed a problem needs code that runs on their own table at once, that they can read in one
sitting, and that tells them when it is no good. A template language makes code that nobody can import, lint or test.

Decision. A template is a folder that is a program: `models/<category>/<template>/`, its id is its place, and
`template.yaml` says which subtasks it serves. It is copied byte for byte; what is the user's stands in config.yaml
and problem.json, and never in Python source. All templates share `models.kit`, which travels with the starter and
knows neither the catalog nor the advisor.

Consequences. `python train.py` runs from anywhere, in this repository or in a starter. Each run compares a dummy, a
classical peer from scikit-learn and ours on tensor_core, on the same rows, with 95 % intervals; it ends with 1 when
ours does not beat the dummy. A saved model is JSON and safetensors, without pickle. A mistake in the kit is repaired
in a starter by copying the kit again.

Alternatives. Rendering code from a template language: see above. The kit as a package to install: a starter would
then depend on a version that may change under it, and its owner could not read the whole program.
"""
