# Completion of convbench in fish: convbench completion fish > ~/.config/fish/completions/convbench.fish

function _convbench_completion
    set -l response (env _CONVBENCH_COMPLETE=fish_complete COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) convbench)
    for completion in $response
        set -l parts (string split --max 1 "," $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -t)
            case file
                __fish_complete_path (commandline -t)
            case plain list
                echo $parts[2]
        end
    end
end

complete --no-files --command convbench --arguments "(_convbench_completion)"
