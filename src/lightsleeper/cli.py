from lightsleeper.server import serve
def main(): raise SystemExit(serve())
