"""All pages of knowledge bases, for the application."""

from copilot.web.knowledge import files, gap_pages, pages, passages, tries, versions

ROUTES = (
    *pages.ROUTES,
    *files.ROUTES,
    *passages.ROUTES,
    *versions.ROUTES,
    *tries.ROUTES,
    *gap_pages.ROUTES,
)
