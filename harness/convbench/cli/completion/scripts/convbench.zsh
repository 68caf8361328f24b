#compdef convbench
# Completion of convbench in zsh. In ~/.zshrc, after compinit: eval "$(convbench completion zsh)"

_convbench_completion() {
    local -a names described lists response
    local type value help
    (( ! $+commands[convbench] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) _CONVBENCH_COMPLETE=zsh_complete convbench)}")
    for type value help in ${response}; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            list) lists+=("$value") ;;
            plain) [[ $help == _ ]] && names+=("$value") || described+=("$value:$help") ;;
        esac
    done

    (( $#described )) && _describe -V unsorted described -U
    (( $#names )) && compadd -U -V unsorted -a names
    (( $#lists )) && compadd -U -S '' -V unsorted -a lists # a comma and another name may follow
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _convbench_completion "$@"
else
    compdef _convbench_completion convbench
fi
