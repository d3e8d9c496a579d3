"""Pages of the web: which addresses may be asked, how they are fetched, and what they say."""
