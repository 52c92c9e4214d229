"""The official schemas, and the one way in which this bank turns bytes into a tree of elements."""

from functools import cache

from django.conf import settings
from lxml import etree

from apps.clearing.iso20022.envelope import MessageMalformed

_PROBLEMS_MAX = 10


def parse_checked(body: bytes, *, name: str) -> etree._Element:
    """The root of a message that the schema of its kind allows.

    :raises MessageMalformed: with line and reason of up to ten faults.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise MessageMalformed(f"line {error.lineno}: {error.msg}") from None
    if root.getroottree().docinfo.doctype:
        raise MessageMalformed("a document type is not allowed")
    check_schema(root, name=name)
    return root


def check_schema(root: etree._Element, *, name: str) -> None:
    """Refuse what the schema does not allow.

    :raises MessageMalformed: with line and reason of up to ten faults.
    """
    schema = _schema(name)
    if not schema.validate(root):
        faults = [f"line {fault.line}: {fault.message}" for fault in schema.error_log]
        raise MessageMalformed(*(faults[:_PROBLEMS_MAX] or ["not as its schema says"]))


@cache
def _schema(name: str) -> etree.XMLSchema:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.XMLSchema(etree.parse(settings.ISO20022_SCHEMAS_DIR / f"{name}.xsd", parser))
