"""A student and its teacher: what is asked, compared and kept."""
