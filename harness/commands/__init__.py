"""The verbs of the command line, one module each; what a verb needs is imported only when it is called."""
