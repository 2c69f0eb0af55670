"""A page as a console template of Prometheus: plain HTML, drawn by console_libraries/rollout.lib in the browser."""

from __future__ import annotations

import html
import json

from panel import VERSIONS_PUBLISHED, Page


def described(page: Page) -> str:
    """What the page's script reads."""
    panels = [
        {
            "title": panel.title,
            "unit": panel.unit,
            "about": panel.about,
            "kind": panel.kind,
            "log": panel.log,
            "needs": panel.needs,
            "queries": [{"expr": query.expr, "legend": query.legend} for query in panel.queries],
        }
        for panel in page.panels
    ]
    return json.dumps({"panels": panels, "marks": VERSIONS_PUBLISHED}, ensure_ascii=False)


def quoted(text: str) -> str:
    """A string of Go's templates: what a template must not read as its own stays data."""
    return json.dumps(text, ensure_ascii=False)


def console(page: Page, pages: tuple[Page, ...]) -> str:
    links = "\n".join(
        f'  <a href="rollout-{other.name}.html"{" class=here" if other is page else ""}>{html.escape(other.title)}</a>'
        for other in pages
    )
    return f"""{{{{ template "rollout_head" {quoted("Rollout: " + page.title)} }}}}
<nav>
  <strong>Rollout</strong>
{links}
{{{{ template "rollout_controls" . }}}}
</nav>
<p class=about>{html.escape(page.about)}</p>
<main id=panels></main>
<div id=page hidden>{{{{ {quoted(described(page))} }}}}</div>
{{{{ template "rollout_tail" . }}}}
"""
