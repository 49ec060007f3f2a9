"""Training of the layout memory: codes, decoder and the shipped bank, from a recipe.

`recipe` reads recipes/*.toml, `groups` draws windows of one stage, `collage` mixes other places'
codes, `objective` compares images, `state` is a run, `loop` trains it.
"""
