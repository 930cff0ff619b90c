"""The status page: the last observation as HTML, served by a process of its own or as one file.

``view`` decides what is shown, ``render`` how it is written.
"""
