#!/usr/bin/python3
"""The registry's script: only prompts."""

answers = [input(prompt) for prompt in ("Username: ", "Email: ", "Password: ", "Confirm password: ")]
print("Success." if answers[2] == answers[3] else "Failure.")
