"""Losses: how far what a network draws is from what it is asked for, and its gradient there.

`terms` holds one module per term, `context` what each is given, `balance` makes one gradient of
them; `distances`, `regions`, `perceptual`, `moments` and `critic` are what terms are made of.
"""
