using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>The <c>ldap_auth</c> of a docker_auth configuration, as <c>tokenServer.ldap</c>.</summary>
/// <param name="Text">A configuration file with that section.</param>
/// <param name="GroupLabels">The labels that hold an account's groups.</param>
internal sealed partial record DockerAuthDirectory(string Text, IReadOnlyList<string> GroupLabels)
{
    /// <summary>Reads the section; null, with a problem, when it cannot be expressed.</summary>
    public static DockerAuthDirectory? Read(SourceNode node, ICollection<SourceProblem> problems)
    {
        if (node is not MappingNode ldap
            || Of(ldap, "addr") is not { } address
            || Of(ldap, "base") is not { } baseDn
            || Of(ldap, "filter") is not { } filter)
        {
            problems.Add(new SourceProblem(node.At, "'ldap_auth' cannot be imported: it has no 'addr', 'base' or 'filter'"));
            return null;
        }

        var security = Of(ldap, "tls") ?? "none";
        var text = new StringBuilder(
            "# Imported from the ldap_auth of a docker_auth configuration; check it with: ldap doctor\ntokenServer:\n  ldap:\n    - name: "
            + "imported\n");
        Line("servers", $"[{DockerAuthImport.Quoted($"{(security == "always" ? "ldaps" : "ldap")}://{address}")}]");
        if (security == "starttls") Line("startTls", "true");
        if (security is not ("always" or "starttls"))
        {
            Warn("tls", "passwords would be sent unencrypted; set startTls, or allowPlaintext if that is intended");
        }

        if (Of(ldap, "ca_certificate") is { } authority) Line("caFile", DockerAuthImport.Quoted(authority));
        if (Of(ldap, "insecure_tls_skip_verify") is "true")
        {
            Warn("insecure_tls_skip_verify", "certificates are always verified; name the CA by caFile");
        }

        if (Of(ldap, "initial_bind_as_user") is "true") Warn("initial_bind_as_user", "its counterpart is userDnTemplate");
        if (Of(ldap, "bind_dn") is { } bind) Line("bindDn", DockerAuthImport.Quoted(bind));
        else Line("anonymousSearch", "true");
        if (Of(ldap, "bind_password_file") is { } secret) Line("bindPasswordFile", DockerAuthImport.Quoted(secret));
        Line("baseDn", DockerAuthImport.Quoted(baseDn));
        Line("userFilter", DockerAuthImport.Quoted(filter.Replace("${account}", "{account}", StringComparison.Ordinal)));
        if (AccountComparison().Match(filter) is { Success: true } comparison) Line("accountAttribute", comparison.Groups[1].Value);
        else Warn("filter", "it does not say which attribute holds the account's name; set accountAttribute");

        List<string> groups = [];
        foreach (var (label, value) in (ldap["labels"] as MappingNode)?.Entries ?? [])
        {
            if (value is MappingNode mapping && string.Equals(Of(mapping, "attribute"), "memberOf", StringComparison.OrdinalIgnoreCase))
            {
                groups.Add(label.Value);
            }
            else problems.Add(
                new SourceProblem(
                    label.At, $"the label '{label.Value}' is left out: only memberOf, whose values are groups, has a counterpart",
                    IsWarning: true));
        }

        if (groups.Count > 0) Line("groups", "{ via: memberOf }");
        return new DockerAuthDirectory(text.ToString(), groups);

        void Line(string key, string value) => text.Append(CultureInfo.InvariantCulture, $"      {key}: {value}\n");

        void Warn(string key, string message) =>
            problems.Add(new SourceProblem((ldap[key] ?? ldap).At, $"'ldap_auth.{key}' is left out: {message}", IsWarning: true));
    }

    private static string? Of(MappingNode mapping, string key) =>
        mapping[key] is ScalarNode { Value.Length: > 0 } scalar ? scalar.Value : null;

    [GeneratedRegex(@"\(([A-Za-z][A-Za-z0-9-]*)=\$\{account\}\)", RegexOptions.ECMAScript, 1000)]
    private static partial Regex AccountComparison();
}
