"""Where the data sets lie, each at one revision.

Revisions of the hub that are named here were printed by a release of mteb; the others are pinned
at the first download. Those of GitHub are the commits that the hashes in `known_files.tsv` belong
to. See docs/data.md.
"""

from __future__ import annotations

from hbt.sources.pins import Origin

XQUAD_R_ORIGIN = Origin(
    "xquad-r",
    "github",
    "google-research-datasets/lareqa",
    "9bc8c7fb6dd8d01d72a05a93c2cb96882b0d299c",
    inside="xquad-r",
)
MLQA_R_ORIGIN = Origin(  # the last commit that has it
    "mlqa-r",
    "github",
    "google-research-datasets/lareqa",
    "354d67d1cd066854cdfbf5ad0e6105528976141d",
    inside="mlqa-r",
)
NTREX_ORIGIN = Origin(
    "ntrex", "github", "MicrosoftTranslator/NTREX", "8561f6a622db9edad1217683e5c83daefd8bb2bf"
)
OLDI_SEED_ORIGIN = Origin(  # the last commit that has the data; the repository was archived
    "oldi-seed",
    "github",
    "openlanguagedata/seed",
    "158962e0795b6e06d590d220e4f37c14ec317db2",
    inside="seed",
)
MKQA_ORIGIN = Origin(
    "mkqa",
    "github",
    "apple/ml-mkqa",
    "651b8cc85c407270b024157aff06ee6ab8c4fc6d",
    inside="dataset",
)
MIRACL_ORIGIN = Origin("miracl", "hub", "macavaney/miracl-noauth")
MIRACL_CORPUS_ORIGIN = Origin("miracl-corpus", "hub", "miracl/miracl-corpus")
MIRACL_HARD_NEGATIVES_ORIGIN = Origin(
    "miracl-hard-negatives",
    "hub",
    "mteb/MIRACLRetrievalHardNegatives",
    "d7d94fa4b946cec4a27c84653aa0cf6b33f74a3c",
)
MLDR_ORIGIN = Origin("mldr", "hub", "Shitao/MLDR", "d67138e705d963e346253a80e59676ddb418810a")
MMARCO_ORIGIN = Origin("mmarco", "hub", "unicamp-dl/mmarco")
BELEBELE_ORIGIN = Origin(
    "belebele", "hub", "facebook/belebele", "75b399394a9803252cfec289d103de462763db7c"
)
