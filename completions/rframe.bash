_rframe() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="rframe"
                ;;
            rframe,decode)
                cmd="rframe__subcmd__decode"
                ;;
            rframe,encode)
                cmd="rframe__subcmd__encode"
                ;;
            rframe,formats)
                cmd="rframe__subcmd__formats"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        rframe)
            opts="--help --version encode decode formats"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        rframe__subcmd__decode)
            opts="-0 -f --lines --null --raw --show --json --type-name --format --max --skip-oversize --progress --help --version"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --type-name)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "message u8 u16be u16le u32be u32le u64be u64le native-messaging erlang1 erlang2 erlang4 dns kcat varint netstring pkt-line syslog docker postgres grpc lsp" -- "${cur}"))
                    return 0
                    ;;
                -f)
                    COMPREPLY=($(compgen -W "message u8 u16be u16le u32be u32le u64be u64le native-messaging erlang1 erlang2 erlang4 dns kcat varint netstring pkt-line syslog docker postgres grpc lsp" -- "${cur}"))
                    return 0
                    ;;
                --max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        rframe__subcmd__encode)
            opts="-0 -f --lines --null --chunk --whole --json --format --type --max --skip-oversize --end --progress --help --version"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --chunk)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --format)
                    COMPREPLY=($(compgen -W "message u8 u16be u16le u32be u32le u64be u64le native-messaging erlang1 erlang2 erlang4 dns kcat varint netstring pkt-line syslog docker postgres grpc lsp" -- "${cur}"))
                    return 0
                    ;;
                -f)
                    COMPREPLY=($(compgen -W "message u8 u16be u16le u32be u32le u64be u64le native-messaging erlang1 erlang2 erlang4 dns kcat varint netstring pkt-line syslog docker postgres grpc lsp" -- "${cur}"))
                    return 0
                    ;;
                --type)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        rframe__subcmd__formats)
            opts="--help --version"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _rframe -o nosort -o bashdefault -o default rframe
else
    complete -F _rframe -o bashdefault -o default rframe
fi
