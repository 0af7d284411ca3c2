import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.proteins.items import taxon


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BLAT_ECOLX/24-286", "ECOLX"), ("BLAT_ECOLX", "ECOLX"), ("up|A0A077REW6|A0A077REW6_WHEAT/30-249", "WHEAT"),
        ("sp|P62593|BLAT_ECOLX", "ECOLX"), ("tr|Q1|Q1_9BACT/1-9", "9BACT"),
        ("ur|UPI000373BDDC|UniRef100_UPI000373BDDC/53-306", ""), ("UniRef100_P62593", ""), ("row17", ""), ("", ""),
        ("my_seq", ""), ("A_TOOLONG", ""),
    ],
)  # fmt: skip
def test_the_species_in_an_entrys_name(name, expected):
    assert taxon(name) == expected
    assert load_domain("proteins/aligned").items.labels["taxon"](name) == expected
