"""Pictures: thumbnails, playing tracklets, whole frames of videos, sheets, and where the network looked."""
