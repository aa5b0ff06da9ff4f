using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.TokenServer.Sessions;
using Microsoft.AspNetCore.Authentication;

namespace AuthIndex.TokenServer.Portal.SignIn;

/// <summary>
/// Seals what a sign-in at a provider must find again when the browser comes back (the <c>state</c> of RFC 6749 section 4.1.1, and the
/// nonce) with a key of the browser's own cookie: AES-256-GCM. So no other browser can use it, any server that shares the database
/// can read it, and no key is stored.
/// </summary>
/// <param name="provider">The provider, which is part of what is sealed: one provider's state is not another's.</param>
internal sealed class SealedState(string provider) : ISecureDataFormat<AuthenticationProperties>, ISecureDataFormat<string>
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private static readonly AsyncLocal<SessionSecret?> Browser = new();

    /// <summary>Names the browser of the request that is being handled.</summary>
    public static void Use(SessionSecret browser) => Browser.Value = browser;

    /// <inheritdoc/>
    public string Protect(AuthenticationProperties data) => Protect(data, null);

    /// <inheritdoc/>
    public string Protect(AuthenticationProperties data, string? purpose) =>
        Seal(PropertiesSerializer.Default.Serialize(data), "state" + purpose);

    /// <inheritdoc/>
    public AuthenticationProperties? Unprotect(string? protectedText) => Unprotect(protectedText, null);

    /// <inheritdoc/>
    public AuthenticationProperties? Unprotect(string? protectedText, string? purpose) =>
        TryOpen(protectedText, "state" + purpose, out var data) ? PropertiesSerializer.Default.Deserialize(data) : null;

    string ISecureDataFormat<string>.Protect(string data) => Seal(Encoding.UTF8.GetBytes(data), "nonce");

    string ISecureDataFormat<string>.Protect(string data, string? purpose) => Seal(Encoding.UTF8.GetBytes(data), "nonce" + purpose);

    string? ISecureDataFormat<string>.Unprotect(string? protectedText) =>
        TryOpen(protectedText, "nonce", out var data) ? Encoding.UTF8.GetString(data) : null;

    string? ISecureDataFormat<string>.Unprotect(string? protectedText, string? purpose) =>
        TryOpen(protectedText, "nonce" + purpose, out var data) ? Encoding.UTF8.GetString(data) : null;

    private string Seal(byte[] data, string what)
    {
        var sealedData = new byte[NonceBytes + data.Length + TagBytes];
        var nonce = sealedData.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(Browser.Value!.SealingKey, TagBytes);
        aes.Encrypt(nonce, data, sealedData.AsSpan(NonceBytes, data.Length), sealedData.AsSpan(NonceBytes + data.Length), Context(what));
        return Base64Url.EncodeToString(sealedData);
    }

    private bool TryOpen(string? text, string what, [NotNullWhen(true)] out byte[]? data)
    {
        data = null;
        if (text is null || !Base64Url.IsValid(text)
            || Base64Url.DecodeFromChars(text) is not { Length: >= NonceBytes + TagBytes } sealedData)
        {
            return false;
        }

        var opened = new byte[sealedData.Length - NonceBytes - TagBytes];
        try
        {
            using var aes = new AesGcm(Browser.Value!.SealingKey, TagBytes);
            aes.Decrypt(
                sealedData.AsSpan(0, NonceBytes), sealedData.AsSpan(NonceBytes, opened.Length),
                sealedData.AsSpan(NonceBytes + opened.Length), opened, Context(what));
        }
        catch (AuthenticationTagMismatchException)
        {
            return false; // another browser's, another provider's, or made up
        }

        data = opened;
        return true;
    }

    private byte[] Context(string what) => Encoding.UTF8.GetBytes($"{provider}\n{what}");
}
