"""Networks of others, by name: where they are published, and fetching them when asked to."""

from stca.catalogue.fetching import fetch
from stca.catalogue.folder import best, is_fetched, path_of, verify, weights_folder
from stca.catalogue.networks import NETWORKS, Network, NetworkFile, find_network

__all__ = [
    "NETWORKS",
    "Network",
    "NetworkFile",
    "best",
    "fetch",
    "find_network",
    "is_fetched",
    "path_of",
    "verify",
    "weights_folder",
]
