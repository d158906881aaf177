"""Many texts without a server: files in, files out, every core busy; and the same in other people's engines.

May import `cache`, `model` and what lies below.
Begin with `library`, what `lightsleeper.load` returns; then `stream`, how many texts keep every core busy; then
`records`, the readers and writers of files.
"""
