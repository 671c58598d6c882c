"""Which addresses may be dialled: the table of odd forms."""

from __future__ import annotations

import ipaddress

import pytest

from aggregator.addresses import is_dialable, is_public, wrapped


def words(text: str) -> list[str]:
    return text.split()


PUBLIC = words("""
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0
192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
223.255.255.255 2606:4700:4700::1111 2001:4860:4860::8888 2001:200::1 2400:3200::1 2a00:1450:4001::1
2001:0DB7::1 2620:4f:8000::1 3ffe:ffff::1 3fff:1000::1
::ffff:8.8.8.8 ::ffff:808:808 0:0:0:0:0:ffff:0808:0808 ::8.8.8.8
64:ff9b::8.8.8.8 64:ff9b::808:808 64:ff9b:1::8.8.8.8 2002:808:808::1 2002:5db8:d822::
2001:0:808:808:0:0:f7f7:f7f7
""")

NOT_PUBLIC = words("""
0.0.0.0 0.0.0.1 0.255.255.255 10.0.0.0 10.0.0.1 10.255.255.255 100.64.0.0 100.64.0.1 100.127.255.255
127.0.0.0 127.0.0.1 127.1.2.3 127.255.255.255 169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255
172.16.0.0 172.16.0.1 172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.255 192.0.2.0 192.0.2.255
192.88.99.0 192.88.99.1 192.88.99.255 192.168.0.0 192.168.1.1 192.168.255.255 198.18.0.0 198.19.255.255
198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.0 224.0.0.1 239.255.255.255 240.0.0.0 254.1.2.3
255.255.255.255
:: ::1 0:0:0:0:0:0:0:1 ::0.0.0.0 ::127.0.0.1 ::10.0.0.1 ::169.254.169.254 ::2
::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:7f00:1 0:0:0:0:0:FFFF:7F00:0001 ::ffff:10.1.2.3 ::ffff:169.254.169.254
::ffff:192.168.0.1 ::ffff:a9fe:a9fe ::ffff:100.64.0.1 ::ffff:224.0.0.1 ::ffff:255.255.255.255
64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::192.168.0.1 64:ff9b::0.0.0.0
64:ff9b::100.64.0.1 64:ff9b:0:0:0:1::8.8.8.8
64:ff9b:1::10.0.0.1 64:ff9b:1::127.0.0.1 64:ff9b:1:a00:0:100:: 64:ff9b:1:7f00:0:100:808:808 64:ff9b:1:a:0:1:808:808
64:ff9b:1:0:a:0:100:0 64:ff9b:1:0:7f:0:1:0 64:ff9b:1:ffff::169.254.169.254 64:ff9b:2::8.8.8.8
2002:7f00:1:: 2002:7f00:0001::1 2002:a00:1::1 2002:c0a8:101:: 2002:a9fe:a9fe:: 2002:6440:1:: 2002:e000:1:: 2002::
2001:0:808:808::f5ff:fffe 2001:0:808:808:0:0:80ff:fffe 2001:0:7f00:1:0:0:f7f7:f7f7 2001:0:a00:1:0:0:f7f7:f7f7
2001:: 2001:0:0:0:: 2001:1::1 2001:2::1 2001:3::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1
2001:db8:ffff::1 3fff::1 3fff:fff:ffff::1 5f00::1
fc00::1 fd00::1 fd12:3456:789a::1 fdff:ffff:: fe80::1 fe80::1%eth0 fe80::1%1 febf::1 fec0::1 feff::1
ff00::1 ff01::1 ff02::1 ff02::fb ff05::2 ff0e::1 ffff::1 100::1 100:0:0:1::1 200::1 400::1 1000::1 4000::1 8000::1
e000::1 2606:4700:4700::1111%eth0
""")

NO_ADDRESS = [
    *words("""
localhost 127.1 127.0.1 0 1 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 017700000001 00.00.00.00 127.0.0.01
010.0.0.1 127.0.0.1. 127.0.0.1:80 127.0.0.256 256.256.256.256 1.2.3 1.2.3.4.5 [::1] ::1]:80 ::g ::ffff:127.1 :::1
1::2::3 １２７.0.0.1 ①②⑦.0.0.1 127。0。0。1 ⅰ.example 127.0.0.1/8 %31 metadata.google.internal
"""),
    "",
    " ",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127.0.0.1\n",
    "127.0.0.1\0",
    "8.8.8.8\t",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_global_unicast_address_may_be_dialled(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_or_wraps_anything_else_may_not_be_dialled(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_a_text_that_only_some_resolvers_take_for_an_address_is_none(text: str) -> None:
    assert not is_public(text)
    assert not is_dialable(text)


def test_the_table_is_long_enough_to_be_trusted() -> None:
    assert len({*PUBLIC, *NOT_PUBLIC, *NO_ADDRESS}) >= 200


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "::ffff:127.0.0.1", "8.8.8.8"]
)
def test_a_named_private_host_may_lie_anywhere_in_a_private_network(address: str) -> None:
    assert is_dialable(address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "ff02::1", "::ffff:0.0.0.0"]
)
def test_even_a_named_private_host_may_not_be_a_group_or_nothing(address: str) -> None:
    assert not is_dialable(address)


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("::ffff:127.0.0.1", ["127.0.0.1"]),
        ("64:ff9b::a00:1", ["10.0.0.1"]),
        ("2002:7f00:1::", ["127.0.0.1"]),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", ["65.54.227.120", "192.0.2.45"]),
        ("2606:4700::1", []),
    ],
)
def test_the_addresses_inside_an_address_are_found(address: str, inner: list[str]) -> None:
    assert [str(one) for one in wrapped(ipaddress.IPv6Address(address))] == inner
