# Puts a page together and makes it C++: cmake -DOUTPUT=… -DFOLDER=… -DSCRIPTS=a.js,b.js -P EmbedPage.cmake
file(READ ${FOLDER}/page.html page)
file(READ ${FOLDER}/page.css style)
string(REPLACE "," ";" names "${SCRIPTS}")
set(script "")
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name} text)
  string(APPEND script "${text}\n")
endforeach()

# The style first: scripts may hold what looks like a place to fill.
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(FIND "${page}" "@DATA@" place)
string(SUBSTRING "${page}" 0 ${place} before)
math(EXPR place "${place} + 7")  # the marker and its newline
string(SUBSTRING "${page}" ${place} -1 after)

file(WRITE ${OUTPUT} "#include \"report/html_page.h\"

namespace fvhooks::internal {

std::string_view page_before_data() noexcept {
  return R\"fvhooks_page(${before})fvhooks_page\";
}
std::string_view page_after_data() noexcept {
  return R\"fvhooks_page(${after})fvhooks_page\";
}

}  // namespace fvhooks::internal
")
