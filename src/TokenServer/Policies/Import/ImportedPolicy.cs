namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>The result of importing another program's configuration.</summary>
/// <param name="Policy">The text of a policy file.</param>
/// <param name="Htpasswd">The lines of an htpasswd file.</param>
/// <param name="Ldap">The text of a configuration file with <c>tokenServer.ldap</c>; null when there is no directory.</param>
internal sealed record ImportedPolicy(string Policy, IReadOnlyList<string> Htpasswd, string? Ldap);
