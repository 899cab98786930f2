"""``python -m eyecraft`` is the ``eyecraft`` command."""

from .cli import main

if __name__ == "__main__":
    main()
