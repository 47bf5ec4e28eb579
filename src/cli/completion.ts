/**
 * Completion scripts for shells. They hold no list of commands: each asks the program
 * (`conductor __complete WORD...`, see `complete.ts`), so that what is offered is what there is.
 *
 * @module
 */

import { Misuse } from "./failure.ts";

/**
 * The script for one shell.
 *
 * @throws Misuse for a shell that we have none for.
 */
export function completionScript(shell: string): string {
  const script = SCRIPTS.get(shell);
  if (script !== undefined) return script;
  throw new Misuse(
    `there is no completion for ${JSON.stringify(shell)}; there is one for ${
      [...SCRIPTS.keys()].join(", ")
    }`,
  );
}

/*
 * Bash cuts words at = and : too, and replaces only what stands behind the last of them. The line is
 * therefore cut at blanks here, and what Bash has taken for done (`--output=`, `localhost:`) is taken
 * off the answers again.
 */
const BASH = `# bash completion for conductor
_conductor() {
  local line="\${COMP_LINE:0:COMP_POINT}" word answer
  local -a words
  read -ra words <<< "$line"
  case "$line" in *[[:space:]]) words+=("") ;; esac
  word="\${words[\${#words[@]} - 1]}"
  local current="\${word##*[=:]}"
  local kept="\${word%"$current"}"
  COMPREPLY=()
  while IFS= read -r answer; do
    case "$answer" in
      :files)
        while IFS= read -r answer; do COMPREPLY+=("$answer"); done < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null ;;
      *) answer="\${answer%%$'\\t'*}"; COMPREPLY+=("\${answer#"$kept"}") ;;
    esac
  done < <("\${words[0]/#\\~/$HOME}" __complete "\${words[@]:1}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _conductor conductor
`;

const ZSH = `#compdef conductor
_conductor() {
  local answer
  local -a described plain
  for answer in "\${(@f)$("\${(Q)words[1]/#\\~/$HOME}" __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case "$answer" in
      '') ;;
      :files) [[ $PREFIX != --*=* ]] || compset -P '*='; _files ;;
      */) plain+=("$answer") ;;
      *$'\\t'*) described+=("\${\${answer%%$'\\t'*}//:/\\\\:}:\${answer#*$'\\t'}") ;;
      *) described+=("\${answer//:/\\\\:}") ;;
    esac
  done
  (( \${#described} )) && _describe -V conductor described
  (( \${#plain} )) && compadd -S '' -- "\${plain[@]}"
}
if [ "$funcstack[1]" = _conductor ]; then _conductor "$@"; else compdef _conductor conductor; fi
`;

const FISH = `# fish completion for conductor
function __conductor_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for answer in ($words[1] __complete $words[2..-1] $current 2>/dev/null)
        if test "$answer" = :files
            # Fish replaces the whole word, its flag too.
            set -l flag (string match -r -- '^--[^=]*=' $current; or echo)
            for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' $current))
                echo $flag$path
            end
        else
            echo $answer
        end
    end
end
complete -c conductor -e
complete -c conductor -f -k -a '(__conductor_complete)'
`;

const SCRIPTS: ReadonlyMap<string, string> = new Map([
  ["bash", BASH],
  ["zsh", ZSH],
  ["fish", FISH],
]);
