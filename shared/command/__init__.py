"""Command lines: from options to a checked dataclass, errors as one sentence, tables as text."""
