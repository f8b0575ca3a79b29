// SPDX-License-Identifier: Apache-2.0
#include "html_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "format.hpp"
#include "palette.hpp"

namespace kts::report {
namespace {

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--paper:#f4f6f8;--card:#fefefe;--ink:#1f2937;--muted:#5b6575;--grid:#e1e5ea;
--solo:#0072b2;--shared:#d55e00;--bad:#b42318;--bad-soft:#fdecea;--good:#067647;--good-soft:#e7f6ee;
--open:#8a5a00;--open-soft:#fdf3dc;--sky:#56b4e9;--amber:#e69f00}
@media (prefers-color-scheme:dark){:root{--paper:#0f1419;--card:#171e26;--ink:#e6eaf0;--muted:#9aa7b6;
--grid:#2b3541;--solo:#56b4e9;--shared:#f28e3c;--bad:#ff9b8f;--bad-soft:#3b1d1b;--good:#6fd6a0;
--good-soft:#12301f;--open:#f0c060;--open-soft:#33280f;--sky:#2478b4;--amber:#f0d860}}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--muted:#444;--grid:#ccc;
--solo:#0072b2;--shared:#d55e00;--bad:#b42318;--bad-soft:#fff;--good:#067647;--good-soft:#fff;
--open:#8a5a00;--open-soft:#fff;--sky:#56b4e9;--amber:#e69f00}section,figure,.agent{break-inside:avoid}body{font-size:11pt}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:2.2rem 1.2rem 3rem}
h1{font-size:1.1rem;margin:0;font-weight:600}
h1 small{color:var(--muted);font-weight:400}
h2{font-size:1.15rem;margin:0 0 .7rem}
p{margin:.4rem 0}
.finding{font-size:1.55rem;line-height:1.32;font-weight:600;margin:1rem 0 1.2rem;max-width:52rem;
letter-spacing:-.01em;text-wrap:pretty;overflow-wrap:anywhere}
section,figure{background:var(--card);border:1px solid var(--grid);border-radius:10px;
padding:1.2rem 1.3rem;margin:1.1rem 0}
.facts{display:flex;flex-wrap:wrap;gap:.35rem 1.6rem;margin:0;font-size:.9rem}
.facts div{display:flex;gap:.45rem;min-width:0}
.facts dt{color:var(--muted)}.facts dd{margin:0;overflow-wrap:anywhere}
.agents{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:1.1rem;margin:1.1rem 0}
.agent{background:var(--card);border:1px solid var(--grid);border-radius:10px;padding:1rem 1.2rem}
.agent header{display:flex;justify-content:space-between;align-items:baseline;gap:.8rem}
.agent h3{margin:0;font-size:1.05rem;overflow-wrap:anywhere}
.agent .what{color:var(--muted);font-size:.9rem;margin:.1rem 0 .6rem;overflow-wrap:anywhere}
.agent .big{font-size:2.1rem;font-weight:650;line-height:1.1;font-variant-numeric:tabular-nums}
.agent .big small{display:block;font-size:.9rem;line-height:1.5;font-weight:400;color:var(--muted)}
.agent p{font-size:.93rem}
.badge{font-size:.8rem;font-weight:600;padding:.12rem .6rem;border-radius:99px;white-space:nowrap;
border:1px solid currentColor}
.hurt,.overloaded{color:var(--bad);background:var(--bad-soft)}
.free,.helped{color:var(--good);background:var(--good-soft)}
.cannot-conclude,.not-shared{color:var(--open);background:var(--open-soft)}
.scroll{overflow-x:auto;background:linear-gradient(90deg,var(--card) 40%,transparent) 0 0/2.5rem 100% no-repeat local,
linear-gradient(270deg,var(--card) 40%,transparent) 100% 0/2.5rem 100% no-repeat local,
linear-gradient(90deg,var(--grid),transparent) 0 0/.8rem 100% no-repeat,
linear-gradient(270deg,var(--grid),transparent) 100% 0/.8rem 100% no-repeat}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding-bottom:.5rem;max-width:calc(100vw - 5.2rem)}
th,td{padding:.32rem .55rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid)}
th{font-weight:600}thead th{color:var(--muted);font-weight:500;vertical-align:bottom}
th.word,td.word,tbody th{text-align:left}
td.word{white-space:normal}
tbody th{white-space:normal;overflow-wrap:break-word;min-width:6rem;max-width:15rem}
td small{color:var(--muted)}
td.several{white-space:normal;text-align:left;min-width:7rem}
td.note{white-space:normal;text-align:left;min-width:14rem}
tbody.group tr:first-child>*{border-top:2px solid var(--grid)}
.solo{color:var(--solo)}.shared{color:var(--shared)}
figure{padding:1rem;overflow-x:auto}
figure svg{display:block;width:100%;min-width:38rem;height:auto}
figcaption{color:var(--muted);font-size:.9rem;margin-top:.5rem}
.bar{display:inline-block;height:.62rem;border-radius:2px;background:var(--shared);
vertical-align:baseline}
.growth{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:1.4rem 2.4rem}
.bars td.track{width:52%;text-align:left}
.bar.less{background:var(--solo)}
ul{margin:.3rem 0;padding-left:1.2rem}li{margin:.25rem 0;overflow-wrap:anywhere}
.alert{border-left:5px solid var(--open)}
dl.words{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;font-size:.92rem;margin:.6rem 0 0}
dl.words dt{font-weight:600}dl.words dd{margin:0;color:var(--muted)}
code{font:.92em ui-monospace,"SFMono-Regular",Menlo,"Liberation Mono",monospace}
@media print{.scroll{background:none}}
@media (max-width:640px){.finding{font-size:1.25rem}dl.words{grid-template-columns:1fr}dl.words dd{margin-bottom:.4rem}}
)css";

// gnuplot's document as an inline element: scaled by the page, coloured by its variables, and with
// ids of its own, since two plots bring the same ones.
std::string inline_svg(const Plot& plot) {
  std::string svg = plot.svg.substr(std::min(plot.svg.find("<svg"), plot.svg.size()));
  const auto replace_all = [&svg](std::string_view from, std::string_view to) {
    for (auto at = svg.find(from); at != std::string::npos; at = svg.find(from, at + to.size())) {
      svg.replace(at, from.size(), to);
    }
  };
  for (const auto& color : kPalette) {
    const std::string variable = fmt::format("var({})", color.variable);
    replace_all(fmt::format("rgb({:3}, {:3}, {:3})", color.red, color.green, color.blue), variable);
    replace_all(fmt::format("rgb({},{},{})", color.red, color.green, color.blue), variable);
    replace_all(color.hex, variable);
  }
  for (const std::string_view quote : {"\"", "'"}) {
    replace_all(fmt::format("id={}", quote), fmt::format("id={}{}-", quote, plot.name));
    replace_all(fmt::format("href={}#", quote), fmt::format("href={}#{}-", quote, plot.name));
  }
  replace_all("font-family=\"sans-serif\"", "font-family=\"inherit\"");
  const auto open = svg.find('>');
  const auto box = svg.find("viewBox=");
  if (open != std::string::npos && box != std::string::npos && box < open) {
    const auto box_end = svg.find('"', svg.find('"', box) + 1) + 1;
    svg.replace(0, open,
                fmt::format("<svg {} xmlns:xlink=\"http://www.w3.org/1999/xlink\" role=\"img\" "
                            "aria-label=\"{}. {}\"",
                            svg.substr(box, box_end - box), escape_html(plot.title),
                            escape_html(plot.description)));
  }
  return svg;
}

std::string escaped_lines(std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return escape_html(text);
  return escape_html(text.substr(0, end)) + "<br>" + escaped_lines(text.substr(end + 1));
}

}  // namespace

std::string page(std::string_view title, const std::string& body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{} · kts report</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n"
      "{}</main>\n</body>\n</html>\n",
      escape_html(title), kStyle, body);
}

std::string badge(const std::string& verdict) {
  std::string css = verdict;
  std::replace(css.begin(), css.end(), ' ', '-');
  return fmt::format("<span class=\"badge {}\">{}</span>", css, verdict);
}

std::string cell(const std::string& text) { return "<td>" + text + "</td>"; }
std::string word(const std::string& text) { return "<td class=\"word\">" + text + "</td>"; }
std::string several(const std::string& text) { return "<td class=\"several\">" + text + "</td>"; }
std::string note(const std::string& text) { return "<td class=\"note\">" + text + "</td>"; }
std::string stacked(std::string_view number_and_interval) {
  const auto open = number_and_interval.find(" (");
  if (open == std::string_view::npos) return cell(escape_html(number_and_interval));
  std::string_view interval = number_and_interval.substr(open + 2);
  if (interval.ends_with(')')) interval.remove_suffix(1);
  return stacked(escape_html(number_and_interval.substr(0, open)), escape_html(interval));
}
std::string stacked(const std::string& number, const std::string& interval) {
  std::string bounds = interval;
  for (const auto& [words, sign] : {std::pair("at least ", "≥ "), std::pair("at most ", "≤ ")}) {
    if (bounds.starts_with(words)) bounds.replace(0, std::string_view(words).size(), sign);
  }
  return cell(bounds.empty() ? number : number + "<br><small>" + bounds + "</small>");
}
std::string row_head(const std::string& text) {
  return "<th scope=\"row\" class=\"word\">" + text + "</th>";
}

std::string head_cells(const std::vector<std::string_view>& words,
                       const std::vector<std::string_view>& numbers,
                       const std::vector<std::string_view>& notes,
                       const std::vector<std::string_view>& more_numbers) {
  const auto left = [](std::string_view text) {
    return fmt::format("<th scope=\"col\" class=\"word\">{}</th>", text);
  };
  const auto right = [](std::string_view text) {
    return fmt::format("<th scope=\"col\">{}</th>", text);
  };
  std::string out = "<thead><tr>";
  for (const auto w : words) out += left(w);
  for (const auto n : numbers) out += right(n);
  for (const auto n : notes) out += left(n);
  for (const auto n : more_numbers) out += right(n);
  return out + "</tr></thead>\n";
}

std::string section(std::string_view title, const std::string& body) {
  return body.empty() ? body : fmt::format("<section>\n<h2>{}</h2>\n{}</section>\n", title, body);
}

std::string table(std::string_view caption, const std::string& inside) {
  return fmt::format("<div class=\"scroll\"><table>\n<caption>{}</caption>\n{}</table></div>\n",
                     caption, inside);
}

// Longer text keeps some width in a narrow window, where it would become a tower.
constexpr std::size_t kShortWords = 28;

std::string plain_table(std::string_view caption, const std::vector<std::vector<std::string>>& rows,
                        std::size_t words) {
  if (rows.empty()) return {};
  const std::vector<std::string>& head = rows.front();
  std::vector<std::string> escaped;
  for (const std::string& cell : head) escaped.push_back(escape_html(cell));
  std::string body;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    body += "<tr>" + row_head(escape_html(rows[i].front()));
    for (std::size_t c = 1; c < rows[i].size(); ++c) {
      const std::string text = escaped_lines(rows[i][c]);
      body += c >= words ? cell(text) : rows[i][c].size() > kShortWords ? note(text) : word(text);
    }
    body += "</tr>\n";
  }
  const auto split = escaped.begin() + static_cast<std::ptrdiff_t>(words);
  return table(caption, head_cells({escaped.begin(), split}, {split, escaped.end()}) + "<tbody>\n" +
                            body + "</tbody>\n");
}

std::string html_memory(std::string_view caption, const std::vector<std::vector<std::string>>& rows,
                        std::size_t words, const std::string& said) {
  std::string body = plain_table(caption, rows, words);
  if (!said.empty()) body += "<p>" + escape_html(said) + "</p>\n";
  return section("Memory", body);
}

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += "<li>" + escape_html(item) + "</li>\n";
  return out.empty() ? out : "<ul>\n" + out + "</ul>\n";
}

std::string figures(const Drawing& drawing) {
  std::string out;
  for (const auto& plot : drawing.plots) {
    out += fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", inline_svg(plot),
                       escape_html(plot.title));
  }
  if (!drawing.missing.empty()) {
    out += "<section class=\"alert\"><p>This report has " + escape_html(drawing.missing) +
           "</p></section>\n";
  }
  return out;
}

}  // namespace kts::report
