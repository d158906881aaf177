"""`python -m lightsleeper`: the command line."""

from lightsleeper.cli.main import main

if __name__ == "__main__":
    main()
