"""Layers: containers of parameters, how they start, and how they are saved and loaded."""

from tensor_core.nn.files import load_safetensors as load_safetensors
from tensor_core.nn.files import save_safetensors as save_safetensors
from tensor_core.nn.init import kaiming_uniform_ as kaiming_uniform_
from tensor_core.nn.init import normal_ as normal_
from tensor_core.nn.init import uniform_ as uniform_
from tensor_core.nn.init import xavier_uniform_ as xavier_uniform_
from tensor_core.nn.init import zeros_ as zeros_
from tensor_core.nn.layers import GELU as GELU
from tensor_core.nn.layers import Dropout as Dropout
from tensor_core.nn.layers import Embedding as Embedding
from tensor_core.nn.layers import EmbeddingBag as EmbeddingBag
from tensor_core.nn.layers import LayerNorm as LayerNorm
from tensor_core.nn.layers import Linear as Linear
from tensor_core.nn.layers import MultiheadAttention as MultiheadAttention
from tensor_core.nn.layers import ReLU as ReLU
from tensor_core.nn.module import Module as Module
from tensor_core.nn.module import Parameter as Parameter
from tensor_core.nn.module import Sequential as Sequential
from tensor_core.nn.recurrent import GRU as GRU
from tensor_core.nn.recurrent import LSTM as LSTM
from tensor_core.nn.recurrent import GRUCell as GRUCell
from tensor_core.nn.recurrent import LSTMCell as LSTMCell
