# Completion of convbench in bash 4.4 and later. In ~/.bashrc: eval "$(convbench completion bash)"

_convbench_completion() {
    local IFS=$'\n' words=() cword=$COMP_CWORD place response completion type value

    # bash takes the sign of --option=value for a word of its own
    for place in "${!COMP_WORDS[@]}"; do
        if [[ ${COMP_WORDS[place]} == "=" && place -lt COMP_CWORD ]]; then
            ((cword--))
        else
            words+=("${COMP_WORDS[place]}")
        fi
    done

    response=$(env COMP_WORDS="${words[*]}" COMP_CWORD="$cword" _CONVBENCH_COMPLETE=bash_complete "$1")
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;; # files, where nothing else fits
            list) COMPREPLY+=("$value"); compopt -o nospace ;; # a comma and another name may follow
            plain) COMPREPLY+=("$value") ;;
        esac
    done
}

complete -o nosort -F _convbench_completion convbench
