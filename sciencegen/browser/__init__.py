"""A page in the browser over a server of this computer, and the same page as one file."""
