"""Linear algebra, under torch's names.

Gradients: Giles, Collected matrix derivative results (2008); Townsend, Differentiating the singular value decomposition
(2016); Seeger et al., Auto-differentiating linear algebra (2017); Al-Mohy and Higham (2009) for the exponential.
"""

from tensor_core.linalg.decompositions import cholesky as cholesky
from tensor_core.linalg.decompositions import eigh as eigh
from tensor_core.linalg.decompositions import eigvalsh as eigvalsh
from tensor_core.linalg.decompositions import qr as qr
from tensor_core.linalg.decompositions import svd as svd
from tensor_core.linalg.decompositions import svdvals as svdvals
from tensor_core.linalg.norms import matrix_norm as matrix_norm
from tensor_core.linalg.norms import norm as norm
from tensor_core.linalg.systems import det as det
from tensor_core.linalg.systems import inv as inv
from tensor_core.linalg.systems import matrix_exp as matrix_exp
from tensor_core.linalg.systems import slogdet as slogdet
from tensor_core.linalg.systems import solve as solve
from tensor_core.ops.reduce import vector_norm as vector_norm
