"""Serves one folder on a free port of the loopback interface, and says which; /cut/NAME breaks off half-way.

usage: serve.py FOLDER PORT_FILE
"""
import functools, http.server, os, sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if not self.path.startswith("/cut/"):
            return super().do_GET()
        with open(os.path.join(self.directory, self.path[5:]), "rb") as file:
            content = file.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def log_message(self, *_):
        pass


folder, port_file = sys.argv[1:]
server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", 0), functools.partial(Handler, directory=folder)
)
with open(port_file + ".partial", "w") as file:
    file.write(str(server.server_port))
os.rename(port_file + ".partial", port_file)
server.serve_forever()
