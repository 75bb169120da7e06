;;; twinny-lsp-eglot.el --- Completion from your own models, with Eglot  -*- lexical-binding: t; -*-

;; Package-Requires: ((emacs "29.1"))

;;; Commentary:

;; Ghost text, and your own language's server beside ours: see twinny-lsp.el.  This file is for who wants
;; neither, and has Eglot run everything.  Put it on your `load-path' and add to your init file:
;;
;;     (require 'twinny-lsp-eglot)
;;
;; Then `M-x eglot' in a buffer of one of `twinny-lsp-eglot-modes' starts twinny-lsp.  Suggestions are
;; completions at point: C-M-i (`completion-at-point'), or any completion UI on top of it (company, corfu).
;;
;; Eglot runs ONE server in a buffer: in these modes it is twinny-lsp in place of, say, pyright.
;; Take the modes out of the list where you would rather keep that one, or let a multiplexer run both:
;;
;;     (add-to-list 'eglot-server-programs
;;                  '(python-mode . (twinny-lsp-eglot-server
;;                                   "rass" "--" "pyright-langserver" "--stdio" "--" "twinny-lsp")))

;;; Code:

(require 'eglot)

(defgroup twinny-lsp-eglot nil
  "Code completion from your own models, with Eglot."
  :group 'eglot
  :prefix "twinny-lsp-eglot-")

(defcustom twinny-lsp-eglot-modes
  '(python-mode python-ts-mode
    (js-mode :language-id "javascript") (js-ts-mode :language-id "javascript")
    typescript-ts-mode (tsx-ts-mode :language-id "typescriptreact")
    c-mode c-ts-mode (c++-mode :language-id "cpp") (c++-ts-mode :language-id "cpp")
    go-mode go-ts-mode rust-mode rust-ts-mode java-mode java-ts-mode
    lua-mode lua-ts-mode ruby-mode ruby-ts-mode php-mode
    (sh-mode :language-id "shellscript") (bash-ts-mode :language-id "shellscript")
    css-mode css-ts-mode html-mode html-ts-mode sql-mode
    (emacs-lisp-mode :language-id "emacs-lisp")
    ;; For chats.
    (markdown-mode :language-id "markdown"))
  "Major modes in which Eglot starts twinny-lsp, as in `eglot-server-programs'.
Set this before the file is loaded."
  :type '(repeat sexp)
  :risky t)

(defcustom twinny-lsp-eglot-settings nil
  "Settings for the server, as a property list.
nil keeps those of the server's own configuration file.  For example:
  (:completion (:provider \"ollama\" :model \"qwen2.5-coder:1.5b-base\"))
Local values are not looked at.  `eglot-signal-didChangeConfiguration'
tells a running server of a change."
  :type 'plist
  :risky t)

(defclass twinny-lsp-eglot-server (eglot-lsp-server) ()
  "A server whose settings are not a project's.
Eglot's own are in `eglot-workspace-configuration', which any project's
.dir-locals.el may set: addresses that code is sent to, among others.")

(cl-defmethod eglot-handle-request
  ((server twinny-lsp-eglot-server) (method (eql workspace/configuration)) &key items)
  "Answer SERVER's request METHOD: our settings are the same in all folders.
ITEMS of other servers, behind a multiplexer, get what Eglot has for them."
  (vconcat (mapcar (lambda (item)
                     (cond ((not (equal (plist-get item :section) "twinny-lsp"))
                            (aref (cl-call-next-method server method :items (vector item)) 0))
                           ((not (plist-get item :scopeUri))
                            (or (default-value 'twinny-lsp-eglot-settings) (make-hash-table)))))
                   items)))

(cl-defmethod jsonrpc-connection-send :around
  ((server twinny-lsp-eglot-server) &rest message)
  "Send MESSAGE to SERVER, which asks for changed settings itself."
  (if (eq (plist-get message :method) :workspace/didChangeConfiguration)
      (apply #'cl-call-next-method server (plist-put (copy-sequence message) :params '(:settings nil)))
    (cl-call-next-method)))

(add-to-list 'eglot-server-programs
             (cons twinny-lsp-eglot-modes '(twinny-lsp-eglot-server "twinny-lsp")))

(defun twinny-lsp-eglot-chat ()
  "Open a new chat.  Eglot has to run; code actions send a message."
  (interactive)
  (eglot-execute (or (eglot-current-server) (user-error "Eglot does not run here"))
                 '(:command "twinny-lsp.openChat" :arguments [])))

(provide 'twinny-lsp-eglot)
;;; twinny-lsp-eglot.el ends here
