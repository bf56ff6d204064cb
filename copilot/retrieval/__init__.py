"""Knowledge packs and the hybrid search over them."""
