"""`python -m lightsleeper`: the command line."""

from lightsleeper.cli import main

if __name__ == "__main__":
    main()
