"""The launch page: explains a release's parameters, checks values, and leads to the console or to the commands.

``page`` makes the file out of page.html, the styles and the scripts, and ``form`` knows the parameters. The scripts are
plain JavaScript, as browsers run it: parameters.js and rules.js decide what CloudFormation would refuse, results.js
writes links, commands and files, estimates.js shows cost, duration and picture, and page.js is about the page alone.
"""
