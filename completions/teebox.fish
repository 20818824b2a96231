# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_teebox_global_optspecs
    string join \n help version list install force relative
end

function __fish_teebox_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_teebox_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_teebox_using_subcommand
    set -l cmd (__fish_teebox_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c teebox -n "__fish_teebox_needs_command" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_needs_command" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_needs_command" -l list -d 'Print the names of the applets, one a line'
complete -c teebox -n "__fish_teebox_needs_command" -l install -d 'Make a symbolic link to this binary in DIR for each applet'
complete -c teebox -n "__fish_teebox_needs_command" -l force -d 'Replace files in DIR that are not links to teebox'
complete -c teebox -n "__fish_teebox_needs_command" -l relative -d 'Make links that stay right when DIR and the binary move together'
complete -c teebox -n "__fish_teebox_needs_command" -a "rtee" -d 'Copy standard input to standard output and to every FILE'
complete -c teebox -n "__fish_teebox_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l output-error -d 'What to do about an error of an output; without MODE: warn-nopipe' -r -f -a "warn\t''
warn-nopipe\t''
exit\t''
exit-nopipe\t''"
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -s a -l append -d 'Append to the FILEs instead of overwriting them'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -s i -l ignore-interrupts -d 'Ignore SIGINT, the interrupt signal of Ctrl-C'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -s p -d 'Go on when a reader leaves: --output-error=warn-nopipe'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rtee help" -f -a "rtee" -d 'Copy standard input to standard output and to every FILE'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rtee help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
