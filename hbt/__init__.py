"""hbt: learn and replicate hybrid batch training of multilingual dense retrievers.

Import what you need from the modules: `hbt.sampling`, `hbt.losses`, `hbt.retrieval`, `hbt.metrics`,
`hbt.bias`, `hbt.uncertainty`, `hbt.encoders`, `hbt.training`. Nothing heavy is imported here.
"""

__version__ = "0.1.0"
