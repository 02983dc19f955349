"""What the answer to a digit must not depend on: how its picture was cut, scaled, lit, stored or turned.

Real digits are changed in ways that leave the digit as it is (Chen, Cheung and Yiu, "Metamorphic Testing: A New
Approach for Generating Next Test Cases", 1998). The answer is to stay the same, or to become a review; an accepted
digit that turns into another accepted digit is a silent error. Nothing here is used to draw training pictures, and
nothing of those is used here.
"""
