namespace AuthIndex.RegistryCore.Access.IndexLink;

/// <summary>Who this registry is to the token server, and where it keeps what it learns from it.</summary>
/// <param name="Service">
/// The name under which the token server knows the registry: the <c>service</c> of the challenge and the audience of the tokens.
/// </param>
/// <param name="CredentialFile">The file with the secret that proves it.</param>
/// <param name="Folder">The folder for copies of keys and revocations, which must survive a restart.</param>
internal sealed record RegistryIdentity(string Service, string CredentialFile, string Folder);
