"""hbt: learn and replicate hybrid batch training of multilingual dense retrievers.

Import what you need from its modules; nothing heavy is imported here.

| to | from |
| --- | --- |
| read data, or make a benchmark of dictionaries | `hbt.sources`, `hbt.corpus` |
| rank and score | `hbt.retrieval`, `hbt.evaluation`, `hbt.metrics`, `hbt.search` |
| measure language bias, and lessen it | `hbt.bias`, `hbt.remedies` |
| say how sure that is | `hbt.units`, `hbt.uncertainty`, `hbt.comparisons` |
| compose batches of your own | `hbt.sampling`, `hbt.adapters`, `hbt.pair_views`, `hbt.losses` |
| train and load encoders | `hbt.training`, `hbt.encoders`, `hbt.models` |
"""

__version__ = "0.1.0"
