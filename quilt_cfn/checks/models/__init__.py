"""What the rules ask: what a rendering is made of, seen in one respect each.

    machines ──▶ network ──▶ conversations      who runs what, and who talks to whom
    documents ──▶ grants     machines ──▶ calls  what policies allow, and what is called (actions: AWS's list)
    lifecycle                                    what a failure and a deletion leave behind
    patterns  java                               what a regular expression will do
    kinds  offers                                what a property takes, and what AWS has where

The rule: a model is a pure function of a rendering (or of a text) and says nothing about right and wrong.
"""
